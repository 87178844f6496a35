# Figure "std", made by kvt-render 0.1.0: a gnuplot program with its data inside.
# Variables: format (png, svg or pdf), output_file (empty: standard output):
#     gnuplot -e "format='svg'; output_file='std.svg'" THIS_FILE
if (!exists('format')) format = 'png'
if (!exists('output_file')) output_file = ''
set encoding utf8
if (format eq 'png') { set terminal pngcairo noenhanced size 1520,938 font 'DejaVu Sans,11' fontscale 2 linewidth 2 pointscale 2 background 'white' }
if (format eq 'svg') { set terminal svg noenhanced size 760,469 font 'DejaVu Sans,11' background 'white' }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 7.92in,4.89in font 'DejaVu Sans,11' }
if (strlen(output_file)) { set output output_file }
set datafile missing 'NaN'
set style fill solid 1.0 noborder
set label 1 'Spread of the score against context length' at screen 0.0158,screen 0.9531 left noenhanced font 'DejaVu Sans,14'
set label 2 'recall · snapkv, compressed after the question · task recall · n = 8 per bin and budget' at screen 0.0158,screen 0.9041 left noenhanced font 'DejaVu Sans,9.5' textcolor rgb '#555555'
set label 3 'For 0/1 scores the spread is arithmetic of the mean, √(p(1−p)): it rises and falls with it and is no sign of instability of its own.' at screen 0.0158,screen 0.0235 left noenhanced font 'DejaVu Sans,8.5' textcolor rgb '#555555'
$std_0 << EOD
 237.125 0 0 0
 476.75 0.353553391 0.353553391 0.353553391
 955.375 0 0 0
 1897.25 0 0 0
 3796.125 0 0 0
EOD
$std_1 << EOD
 237.125 0.353553391 0.353553391 0.353553391
 476.75 0.46291005 0.46291005 0.46291005
 955.375 0.46291005 0.46291005 0.46291005
 1897.25 0.46291005 0.46291005 0.46291005
 3796.125 0.46291005 0.46291005 0.46291005
EOD
$std_2 << EOD
 237.125 0.353553391 0.353553391 0.353553391
 476.75 0.46291005 0.46291005 0.46291005
 955.375 0.51754917 0.51754917 0.51754917
 1897.25 0.46291005 0.46291005 0.46291005
 3796.125 0.46291005 0.46291005 0.46291005
EOD
set lmargin at screen 0.0053
set rmargin at screen 0.9947
set tmargin at screen 0.9915
set bmargin at screen 0.0085
set multiplot
unset border
unset tics
unset grid
set key at screen 0.0105,screen 0.8763 left top horizontal maxcols 4 Left reverse noenhanced samplen 2 width 1 font 'DejaVu Sans,10'
plot [0:1] [0:1] -1 notitle, \
  keyentry with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000' title 'full cache' noenhanced, \
  keyentry with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2' title 'budget 0.5' noenhanced, \
  keyentry with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00' title 'budget 0.2' noenhanced
unset key
unset label 1
unset label 2
unset label 3
set border 3 lc rgb '#444444' lw 0.8
set xtics nomirror out scale 0.6 textcolor rgb '#222222'
set ytics nomirror out scale 0.6 textcolor rgb '#222222'
set grid ytics lt 1 lc rgb '#E3E3E3' lw 0.7
set lmargin at screen 0.1026
set rmargin at screen 0.9789
set tmargin at screen 0.8102
set bmargin at screen 0.1620
set logscale x
set xrange [ 168.268181 : 5349.53273 ]
set xtics nomirror norotate noenhanced ('237' 237.125, '477' 476.75, '955' 955.375, '1,897' 1897.25, '3,796' 3796.125)
set xlabel 'context length (tokens, mean of the bin; log scale)' noenhanced
set yrange [0:0.6]
set ylabel 'standard deviation of the score' noenhanced offset 0.5,0
plot $std_0 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#000000', \
  $std_0 using 1:2 with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000', \
  $std_1 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#0072B2', \
  $std_1 using 1:2 with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2', \
  $std_2 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#D55E00', \
  $std_2 using 1:2 with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00'
unset multiplot
