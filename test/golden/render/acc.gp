# Figure "acc", made by kvt-render 0.1.0: a gnuplot program with its data inside.
# Variables: format (png, svg or pdf), output_file (empty: standard output):
#     gnuplot -e "format='svg'; output_file='acc.svg'" THIS_FILE
if (!exists('format')) format = 'png'
if (!exists('output_file')) output_file = ''
set encoding utf8
if (format eq 'png') { set terminal pngcairo noenhanced size 1520,902 font 'DejaVu Sans,11' fontscale 2 linewidth 2 pointscale 2 background 'white' }
if (format eq 'svg') { set terminal svg noenhanced size 760,451 font 'DejaVu Sans,11' background 'white' }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 7.92in,4.70in font 'DejaVu Sans,11' }
if (strlen(output_file)) { set output output_file }
set datafile missing 'NaN'
set style fill solid 1.0 noborder
set label 1 'Accuracy against context length' at screen 0.0158,screen 0.9512 left noenhanced font 'DejaVu Sans,14'
set label 2 'recall · snapkv, compressed after the question · task recall · n = 8 per bin and budget' at screen 0.0158,screen 0.9002 left noenhanced font 'DejaVu Sans,9.5' textcolor rgb '#555555'
$acc_0 << EOD
 219.888627 1 0.675592435 1
 442.095532 0.875 0.529111818 0.977582509
 885.929773 1 0.675592435 1
 1759.34085 1 0.675592435 1
 3520.18857 1 0.675592435 1
EOD
$acc_1 << EOD
 237.125 0.875 0.529111818 0.977582509
 476.75 0.75 0.40927543 0.928520787
 955.375 0.75 0.40927543 0.928520787
 1897.25 0.75 0.40927543 0.928520787
 3796.125 0.75 0.40927543 0.928520787
EOD
$acc_2 << EOD
 255.712477 0.875 0.529111818 0.977582509
 514.120922 0.75 0.40927543 0.928520787
 1030.26382 0.625 0.305742395 0.863155714
 2045.96942 0.75 0.40927543 0.928520787
 4093.69121 0.75 0.40927543 0.928520787
EOD
set lmargin at screen 0.0053
set rmargin at screen 0.9947
set tmargin at screen 0.9911
set bmargin at screen 0.0089
set multiplot
unset border
unset tics
unset grid
set key at screen 0.0105,screen 0.8714 left top horizontal maxcols 4 Left reverse noenhanced samplen 2 width 1 font 'DejaVu Sans,10'
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
set tmargin at screen 0.8027
set bmargin at screen 0.1286
set logscale x
set xrange [ 168.268181 : 5349.53273 ]
set xtics nomirror norotate noenhanced ('237' 237.125, '477' 476.75, '955' 955.375, '1,897' 1897.25, '3,796' 3796.125)
set xlabel 'context length (tokens, mean of the bin; log scale)' noenhanced
set yrange [-0.02:1.02]
set ylabel 'score (bin mean, 95% interval)' noenhanced offset 0.5,0
plot $acc_0 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#000000', \
  $acc_0 using 1:2 with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000', \
  $acc_1 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#0072B2', \
  $acc_1 using 1:2 with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2', \
  $acc_2 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#D55E00', \
  $acc_2 using 1:2 with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00'
unset multiplot
