# Figure "paired", made by kvt-render 0.1.0: a gnuplot program with its data inside.
# Variables: format (png, svg or pdf), output_file (empty: standard output):
#     gnuplot -e "format='svg'; output_file='paired.svg'" THIS_FILE
if (!exists('format')) format = 'png'
if (!exists('output_file')) output_file = ''
set encoding utf8
if (format eq 'png') { set terminal pngcairo noenhanced size 1720,888 font 'DejaVu Sans,11' fontscale 2 linewidth 2 pointscale 2 background 'white' }
if (format eq 'svg') { set terminal svg noenhanced size 860,444 font 'DejaVu Sans,11' background 'white' }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 8.96in,4.62in font 'DejaVu Sans,11' }
if (strlen(output_file)) { set output output_file }
set datafile missing 'NaN'
set style fill solid 1.0 noborder
set label 1 'Answers lost and gained against the full cache' at screen 0.0140,screen 0.9505 left noenhanced font 'DejaVu Sans,14'
set label 2 'recall · snapkv, compressed after the question · task recall · n = 8 per bin and budget' at screen 0.0140,screen 0.8986 left noenhanced font 'DejaVu Sans,9.5' textcolor rgb '#555555'
set label 3 'Bars: share of the entries. ✱: loss confirmed, corrected over bins and budgets.' at screen 0.0140,screen 0.0248 left noenhanced font 'DejaVu Sans,8.5' textcolor rgb '#555555'
$paired_0 << EOD
1 12.5 -0 12.5 -23.376984 43.376984 47.0679409 ""
2 12.5 -0 12.5 -23.376984 43.376984 47.0679409 ""
3 25 -0 25 -17.1877019 57.1877019 59.9689389 ""
4 25 -0 25 -17.1877019 57.1877019 59.9689389 ""
5 25 -0 25 -17.1877019 57.1877019 59.9689389 ""
EOD
$paired_1 << EOD
1 12.5 -0 12.5 -23.376984 43.376984 47.0679409 ""
2 12.5 -0 12.5 -23.376984 43.376984 47.0679409 ""
3 37.5 -0 37.5 -9.68624594 69.6862459 71.0759183 ""
4 25 -0 25 -17.1877019 57.1877019 59.9689389 ""
5 25 -0 25 -17.1877019 57.1877019 59.9689389 ""
EOD
set lmargin at screen 0.0047
set rmargin at screen 0.9953
set tmargin at screen 0.9910
set bmargin at screen 0.0090
set multiplot
unset border
unset tics
unset grid
set key at screen 0.0093,screen 0.8694 left top horizontal maxcols 3 Left reverse noenhanced samplen 2 width 1 font 'DejaVu Sans,10'
plot [0:1] [0:1] -1 notitle, \
  keyentry with boxes fillstyle solid 1 noborder lc rgb '#E8A27A' title 'score fell' noenhanced, \
  keyentry with boxes fillstyle solid 1 noborder lc rgb '#8FCFBB' title 'score rose' noenhanced, \
  keyentry with yerrorbars pt 13 ps 1.2 lw 1.6 lc rgb '#000000' title 'mean loss, 95% interval' noenhanced, \
  keyentry with lines lw 2.2 lc rgb '#0072B2' title 'upper bound, 95%' noenhanced, \
  keyentry with lines dashtype 2 lw 1.2 lc rgb '#7F3F98' title 'safe below (10 points)' noenhanced
unset key
unset label 1
unset label 2
unset label 3
set border 3 lc rgb '#444444' lw 0.8
set xtics nomirror out scale 0.6 textcolor rgb '#222222'
set ytics nomirror out scale 0.6 textcolor rgb '#222222'
set grid ytics lt 1 lc rgb '#E3E3E3' lw 0.7
set yrange [-30:80]
set border 2
set lmargin at screen 0.0837
set rmargin at screen 0.5209
set tmargin at screen 0.7117
set bmargin at screen 0.1532
set format y '%g'
set xrange [0.4:5.6]
set xtics nomirror norotate noenhanced scale 0 ('237' 1, '477' 2, '955' 3, '1,897' 4, '3,796' 5)
set xlabel 'context length (tokens)' noenhanced offset 0,0.3 font 'DejaVu Sans,10'
set ylabel 'points of score lost' noenhanced
set label 4 'budget 0.5' at graph 0.5,graph 1.06 center noenhanced font 'DejaVu Sans,12'
plot $paired_0 using 1:(0):($1-0.3):($1+0.3):(0):2 with boxxyerror fc rgb '#E8A27A' fillstyle solid 1 noborder, \
  $paired_0 using 1:(0):($1-0.3):($1+0.3):3:(0) with boxxyerror fc rgb '#8FCFBB' fillstyle solid 1 noborder, \
  0 with lines lw 1 lc rgb '#444444', \
  $paired_0 using ($1-0.3):7:(0.6):(0) with vectors nohead lw 2.2 lc rgb '#0072B2', \
  $paired_0 using 1:4:5:6 with yerrorbars pt 13 ps 1.2 lw 1.6 lc rgb '#000000', \
  $paired_0 using 1:7:8 with labels noenhanced offset 0,0.6 tc rgb '#000000', \
  10 with lines dashtype 2 lw 1.2 lc rgb '#7F3F98'
set lmargin at screen 0.5419
set rmargin at screen 0.9791
set tmargin at screen 0.7117
set bmargin at screen 0.1532
set format y ''
set xrange [0.4:5.6]
set xtics nomirror norotate noenhanced scale 0 ('237' 1, '477' 2, '955' 3, '1,897' 4, '3,796' 5)
set xlabel 'context length (tokens)' noenhanced offset 0,0.3 font 'DejaVu Sans,10'
set ylabel '' noenhanced
set label 4 'budget 0.2' at graph 0.5,graph 1.06 center noenhanced font 'DejaVu Sans,12'
plot $paired_1 using 1:(0):($1-0.3):($1+0.3):(0):2 with boxxyerror fc rgb '#E8A27A' fillstyle solid 1 noborder, \
  $paired_1 using 1:(0):($1-0.3):($1+0.3):3:(0) with boxxyerror fc rgb '#8FCFBB' fillstyle solid 1 noborder, \
  0 with lines lw 1 lc rgb '#444444', \
  $paired_1 using ($1-0.3):7:(0.6):(0) with vectors nohead lw 2.2 lc rgb '#0072B2', \
  $paired_1 using 1:4:5:6 with yerrorbars pt 13 ps 1.2 lw 1.6 lc rgb '#000000', \
  $paired_1 using 1:7:8 with labels noenhanced offset 0,0.6 tc rgb '#000000', \
  10 with lines dashtype 2 lw 1.2 lc rgb '#7F3F98'
unset multiplot
